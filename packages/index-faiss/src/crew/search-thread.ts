import { serve } from '@facekit/core'
import { SearchService } from './search-service.js'

serve(SearchService.create)
